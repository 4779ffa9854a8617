"""Pictures that teach: drawn from the models' own weights, wirings and counts, never by hand.

===================  ===================================================================
weights.py           which pixels units read, and which of their weights are equal, read off the model
wirings.py           the six wirings as one picture
networks.py          a network as a drawing with shapes and counts
receptive_fields.py  how far into the image units of each layer see
inches.py            texts and squares at places in inches
trained.py           the few arrays of trained networks that pictures show, in a file
learned.py           pictures of these arrays: kernels, feature maps
rendering.py         a picture as a file that holds, as metadata, the numbers and arrays it shows
explorer.py          docs/explorer.html: choose wirings, see what units read, counts and measured errors
===================  ===================================================================
"""
