_base_ = [
    "../_base_/models/pass_pixel-attention_r50.py",
    "../_base_/datasets/imagenets300_multi_crop.py",
    "../_base_/datasets/imagenets300.py",
    "../_base_/schedules/larc_20e.py",
    "../_base_/default_runtime.py",
]
model = dict(pretrained="work_dirs/pass-pretrain_r50_8xb32-100e_imagenets300/epoch_100.pth")
# Pixels can be scored only once there are centroids, so there is no validation while training.
val_dataloader = None
val_evaluator = None
val_cfg = None
custom_hooks = [
    dict(type="EpochSeedHook"),
    dict(type="PrototypeHook", freeze_iters=5005, queue_start_epoch=0),
    dict(type="CollapseWarningHook"),
    dict(type="PseudoLabelHook", num_categories=300, threshold="val"),
]
