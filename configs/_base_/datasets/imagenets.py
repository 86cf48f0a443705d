# All of ImageNet-S; for fewer categories a config sets data_root and subset of each dataset.
_base_ = "image_folder_256.py"
data_root = "data/ImageNetS919"
val_dataloader = test_dataloader = dict(num_workers=4, dataset=dict(data_root=data_root, subset=919))
