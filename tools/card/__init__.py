"""What tools/flash.py is made of: disks, images, writing, the FAT partition, the adapter."""
