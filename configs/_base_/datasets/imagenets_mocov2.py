# Two views of an image, with the augmentation of MoCo v2.
_base_ = "imagenets_multi_crop.py"
colors = dict(type="ColorDistortion", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
view_pipeline = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    dict(type="MultiCrop", groups=[dict(size=224, number=2, scale=(0.2, 1.0))], crop_transforms=[colors]),
    dict(type="mmpretrain.PackInputs", input_key="crops"),
]
train_dataloader = dict(dataset=dict(data_root="data/ImageNetS50", subset=50, pipeline=view_pipeline))
