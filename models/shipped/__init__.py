"""Networks whose weights come with the package: what they are, and the command that trains them.

table.py        which networks, for which task, and what of them the catalogue lists
photographs.py  what they learned from: photographs inside installed packages, with licences
making.py       the pairs made of those photographs
train.py        python -m models.shipped.train: makes the pairs, trains all, writes the files
"""
