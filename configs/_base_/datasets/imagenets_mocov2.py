# Two views of an image, with the augmentation of MoCo v2.
_base_ = "imagenets_simclr.py"
loading, crops, packing = _base_.view_pipeline
colors = dict(type="ColorDistortion", brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
crops = dict(crops, groups=[dict(size=224, number=2, scale=(0.2, 1.0))], crop_transforms=[colors])
view_pipeline = [loading, crops, packing]
train_dataloader = dict(dataset=dict(pipeline=view_pipeline))
