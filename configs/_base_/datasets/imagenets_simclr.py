# Two views of an image, with the augmentation of SimCLR.
_base_ = "imagenets_multi_crop.py"
view_pipeline = [*_base_.crop_pipeline[:-1], dict(type="mmpretrain.PackInputs", input_key="crops")]
train_dataloader = dict(dataset=dict(data_root="data/ImageNetS50", subset=50, pipeline=view_pipeline))
