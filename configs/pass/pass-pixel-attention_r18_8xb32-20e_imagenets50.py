_base_ = [
    "../_base_/models/pass_pixel-attention_r50.py",
    "../_base_/datasets/imagenets50_multi_crop.py",
    "../_base_/datasets/imagenets50.py",
    "../_base_/schedules/larc_20e.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(depth=18),
    hidden_channels=512,
    num_prototypes=500,
    pretrained="work_dirs/pass-pretrain_r18_8xb32-200e_imagenets50/epoch_200.pth",
)
optim_wrapper = dict(optimizer=dict(lr=6.0))
# Pixels can be scored only once there are centroids, so there is no validation while training.
val_dataloader = None
val_evaluator = None
val_cfg = None
custom_hooks = [
    dict(type="EpochSeedHook"),
    dict(type="PrototypeHook", freeze_iters=0, queue_start_epoch=0),
    dict(type="CollapseWarningHook"),
    dict(type="PseudoLabelHook", num_categories=50, threshold="val"),
]
