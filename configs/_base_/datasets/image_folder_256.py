# As image_folder.py, for networks that were trained on random crops of 192: such crops enlarge what they show by about
# a third, so whole images are enlarged as much (as the published 224 and 256).
data_root = "data/image_folder"
test_pipeline = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    dict(type="mmpretrain.ResizeEdge", scale=256, edge="short", backend="pillow", interpolation="bilinear"),
    dict(type="LoadImageNetSAnnotations"),
    dict(
        type="PackSegInputs",
        meta_keys=("img_path", "seg_map_path", "relative_path", "category", "ori_shape", "img_shape"),
    ),
]
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="ImageNetSDataset", data_root=data_root, split="validation", pipeline=test_pipeline),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="LUSSMetric")
test_evaluator = val_evaluator
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
