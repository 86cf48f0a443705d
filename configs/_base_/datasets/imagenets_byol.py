# Two views of an image, with the augmentation of BYOL: one is blurred, the other may be solarized.
_base_ = "imagenets_multi_crop.py"
crop_and_flip = [
    dict(type="mmpretrain.RandomResizedCrop", scale=224, interpolation="bicubic", backend="pillow"),
    dict(type="mmpretrain.RandomFlip", prob=0.5),
]
view_colors = dict(type="ColorDistortion", brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)
view_pipeline = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    dict(
        type="mmpretrain.MultiView",
        num_views=[1, 1],
        transforms=[
            [*crop_and_flip, dict(view_colors, blur_prob=1.0)],
            [*crop_and_flip, dict(view_colors, blur_prob=0.1), dict(type="mmpretrain.Solarize", thr=128, prob=0.2)],
        ],
    ),
    dict(type="mmpretrain.PackInputs"),
]
train_dataloader = dict(dataset=dict(data_root="data/ImageNetS50", subset=50, pipeline=view_pipeline))
