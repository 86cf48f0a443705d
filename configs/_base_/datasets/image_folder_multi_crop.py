crop_pipeline = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    # Gentler colors than the published ones: what little data there is may tell its categories apart by color.
    dict(
        type="MultiCrop",
        groups=[dict(size=160, number=2, scale=(0.2, 1.0))],
        crop_transforms=[
            dict(
                type="ColorDistortion", brightness=0.4, contrast=0.4, saturation=0.2, hue=0.05, gray_prob=0, blur_prob=0
            )
        ],
    ),
    dict(type="PackMultiCrops"),
]
train_dataloader = dict(
    batch_size=32,
    num_workers=2,
    drop_last=True,
    worker_init_fn=dict(type="seed_worker"),
    collate_fn=dict(type="multi_crop_collate"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(type="ImageNetSDataset", data_root="data/image_folder", split="train", pipeline=crop_pipeline),
)
