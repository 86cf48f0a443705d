train_pipeline = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    dict(type="LoadImageNetSAnnotations"),
    dict(type="RandomResizedCropSeg", size=224, scale=(0.14, 1.0)),
    dict(type="RandomFlip", prob=0.5),
    dict(type="ColorDistortion"),
    dict(type="PackSegInputs"),
]
train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    drop_last=False,
    worker_init_fn=dict(type="seed_worker"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="ImageNetSDataset", data_root="data/ImageNetS919", subset=919, split="train-semi", pipeline=train_pipeline
    ),
)
