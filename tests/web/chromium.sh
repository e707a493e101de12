#!/bin/sh
# Chromium before others on a busy machine, where we may: a page that plays sound has no time to lose.
echo -15 2>/dev/null >/proc/self/autogroup
exec chromium "$@"
