# Training images with the label of their folder, class i for category i + 1, loaded as for step 1.
_base_ = "imagenets_multi_crop.py"
class_pipeline = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    dict(type="mmpretrain.RandomResizedCrop", scale=224, backend="pillow"),
    dict(type="mmpretrain.RandomFlip", prob=0.5),
    dict(type="mmpretrain.PackInputs"),
]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type="mmpretrain.CustomDataset",
        data_root="data/ImageNetS50",
        data_prefix="train",
        pipeline=class_pipeline,
    )
)
