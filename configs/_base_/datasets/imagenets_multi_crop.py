crop_pipeline = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    dict(type="MultiCrop", groups=[dict(size=224, number=2, scale=(0.08, 1.0))]),
    dict(type="PackMultiCrops"),
]
train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    drop_last=True,
    worker_init_fn=dict(type="seed_worker"),
    collate_fn=dict(type="multi_crop_collate"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="ImageNetSDataset", data_root="data/ImageNetS919", subset=919, split="train", pipeline=crop_pipeline
    ),
)
