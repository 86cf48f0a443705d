# Training images with the label of their folder, class i for category i + 1.
class_data_root = "data/ImageNetS50"
class_pipeline = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    dict(type="mmpretrain.RandomResizedCrop", scale=224, backend="pillow"),
    dict(type="mmpretrain.RandomFlip", prob=0.5),
    dict(type="mmpretrain.PackInputs"),
]
train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    drop_last=True,
    worker_init_fn=dict(type="seed_worker"),
    collate_fn=dict(type="multi_crop_collate"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="mmpretrain.CustomDataset", data_root=class_data_root, data_prefix="train", pipeline=class_pipeline
    ),
)
