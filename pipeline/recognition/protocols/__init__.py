"""Protocols of recognisers, one file each: keys, streams, frames and fields read, loss, scores, fusion."""
