# U-Boot: two slots, A and B, each with as many tries as BOOT_x_LEFT says. A system that reached its
# dial tone sets its own back to 3; one that did not is left after three tries. Names as RAUC's.
setenv kernel_addr_r 0x00200000
setenv ramdisk_addr_r 0x04000000
test -n "${BOOT_ORDER}" || setenv BOOT_ORDER "A B"
test -n "${BOOT_A_LEFT}" || setenv BOOT_A_LEFT 3
test -n "${BOOT_B_LEFT}" || setenv BOOT_B_LEFT 0
setenv slot
for each in ${BOOT_ORDER}; do
    if test "${slot}" = ""; then
        if test "${each}" = "A"; then
            if test ${BOOT_A_LEFT} -gt 0; then
                setexpr BOOT_A_LEFT ${BOOT_A_LEFT} - 1
                setenv slot a
                setenv part 02
                setenv name A
            fi
        else
            if test ${BOOT_B_LEFT} -gt 0; then
                setexpr BOOT_B_LEFT ${BOOT_B_LEFT} - 1
                setenv slot b
                setenv part 03
                setenv name B
            fi
        fi
    fi
done
if test "${slot}" = ""; then
    # nothing is left to try: begin anew rather than stand still
    setenv BOOT_A_LEFT 3
    setenv BOOT_B_LEFT 3
    saveenv
    reset
fi
saveenv
echo "Fernruf: slot ${slot}"
# quiet: a character takes 87 us on the serial line, and the kernel waits for it. kpti=off: it guards
# against Meltdown, which the cores of these boards do not have, and costs time at each call of the
# kernel. lsm: without those that no rule here uses. audit=0: nobody would read it.
setenv bootargs "root=PARTUUID=@DISK@-${part} rootfstype=squashfs ro panic=10 quiet kpti=off audit=0 lsm=landlock,lockdown,yama console=tty1 console=ttyS1,115200 fernruf.slot=${slot} rauc.slot=${name}"
if load mmc 0:1 ${kernel_addr_r} ${slot}/vmlinuz; then
    if load mmc 0:1 ${ramdisk_addr_r} ${slot}/initrd; then
        booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdt_addr}
    fi
fi
reset
