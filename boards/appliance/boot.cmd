# U-Boot runs this from the boot partition; devtype, devnum and distro_bootpart are its own.
echo "Skerry appliance"
setenv bootargs "@COMMAND_LINE@ quiet loglevel=3 panic=10"
load ${devtype} ${devnum}:${distro_bootpart} ${ramdisk_addr_r} Image.gz
unzip ${ramdisk_addr_r} ${kernel_addr_r}
load ${devtype} ${devnum}:${distro_bootpart} ${ramdisk_addr_r} initramfs.xz
booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdtcontroladdr}
