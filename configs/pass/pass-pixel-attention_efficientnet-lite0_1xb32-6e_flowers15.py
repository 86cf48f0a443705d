_base_ = [
    "../_base_/models/pass_pixel-attention_efficientnet-lite0.py",
    "../_base_/datasets/image_folder_multi_crop.py",
    "../_base_/datasets/image_folder.py",
    "../_base_/schedules/adam_short.py",
    "../_base_/default_runtime.py",
]
model = dict(pretrained="work_dirs/pass-pretrain_efficientnet-lite0_1xb32-4e_flowers15/epoch_4.pth")
crop_pipeline = [
    dict(type="LoadImageFromFile", color_type="color_ignore_orientation"),
    dict(type="MultiCrop", groups=[dict(size=160, number=2, scale=(0.2, 1.0))]),
    dict(type="PackMultiCrops"),
]
train_dataloader = dict(dataset=dict(data_root="data/Flowers15", pipeline=crop_pipeline))
test_dataloader = dict(dataset=dict(data_root="data/Flowers15"))
# Pixels can be scored only once there are centroids, so there is no validation while training.
val_dataloader = None
val_evaluator = None
val_cfg = None
optim_wrapper = dict(optimizer=dict(lr=3e-2))
param_scheduler = [dict(type="CosineAnnealingLR", eta_min=0, by_epoch=True, end=6, convert_to_iter_based=True)]
train_cfg = dict(max_epochs=6)
custom_hooks = [
    dict(type="EpochSeedHook"),
    dict(type="PrototypeHook", freeze_iters=0, queue_start_epoch=0),
    dict(type="CollapseWarningHook", interval=15),
    dict(type="PseudoLabelHook", num_categories=15, threshold="val", threshold_step=0.002, crop_size=192),
]
