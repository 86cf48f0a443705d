# All of ImageNet-S; for fewer categories a config sets data_root and subset of each dataset.
data_root = "data/ImageNetS919"
load_image = dict(type="LoadImageFromFile", color_type="color_ignore_orientation")
# Training crops of 224 enlarge what they show by about a third, so whole images are enlarged as much.
resize = dict(type="mmpretrain.ResizeEdge", scale=256, edge="short", backend="pillow", interpolation="bilinear")
load_labels = dict(type="LoadImageNetSAnnotations")
pack = dict(
    type="PackSegInputs",
    meta_keys=("img_path", "seg_map_path", "relative_path", "category", "ori_shape", "img_shape"),
)
test_pipeline = [load_image, resize, load_labels, pack]
flips = [dict(type="RandomFlip", prob=0.0), dict(type="RandomFlip", prob=1.0)]
pack_flips = dict(pack, meta_keys=pack["meta_keys"] + ("flip", "flip_direction"))
tta_resizes = [dict(resize, scale=192), resize, dict(resize, scale=320)]
tta_pipeline = [load_image, dict(type="TestTimeAug", transforms=[tta_resizes, flips, [load_labels], [pack_flips]])]
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="ImageNetSDataset", data_root=data_root, subset=919, split="validation", pipeline=test_pipeline),
)
test_dataloader = val_dataloader
val_evaluator = dict(type="LUSSMetric")
test_evaluator = val_evaluator
val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")
