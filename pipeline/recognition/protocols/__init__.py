"""The recognisers' protocols, one file each: keys, streams, what is read of a clip, loss, scores, fusion."""
