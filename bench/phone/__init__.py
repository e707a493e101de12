"""Figures of the telephone's services, put together by bench/telephone.py."""
