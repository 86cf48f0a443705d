semi_data_root = "data/image_folder"
train_pipeline = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    dict(type="LoadImageNetSAnnotations"),
    dict(type="RandomResizedCropSeg", size=160, scale=(0.14, 1.0)),
    dict(type="RandomFlip", prob=0.5),
    # Gentler colors than the published ones: what little data there is may tell its categories apart by color.
    dict(type="ColorDistortion", brightness=0.4, contrast=0.4, saturation=0.2, hue=0.05, gray_prob=0),
    dict(type="PackSegInputs"),
]
train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    drop_last=True,
    worker_init_fn=dict(type="seed_worker"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(type="ImageNetSDataset", data_root=semi_data_root, split="train-semi", pipeline=train_pipeline),
)
