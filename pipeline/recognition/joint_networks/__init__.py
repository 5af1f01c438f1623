"""Networks that join two backbones, one file each."""
