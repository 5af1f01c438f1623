"""The networks that join two backbones, one file each."""
