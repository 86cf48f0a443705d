_base_ = [
    "../_base_/models/pass-pixel-attention_r50.py",
    "../_base_/datasets/imagenets_multi_crop.py",
    "../_base_/datasets/imagenets.py",
    "../_base_/schedules/larc.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(depth=18),
    hidden_channels=512,
    num_prototypes=500,
    pretrained="work_dirs/pass-pretrain_r18_8xb32-200e_imagenets50/epoch_200.pth",
)
train_dataloader = test_dataloader = dict(dataset=dict(data_root="data/ImageNetS50", subset=50))
# Pixels can be scored only once there are centroids, so there is no validation while training.
val_dataloader = None
val_evaluator = None
val_cfg = None
optim_wrapper = dict(optimizer=dict(lr=6.0))
default_hooks = dict(
    prototypes=dict(type="PrototypeHook"),
    collapse_warning=dict(type="CollapseWarningHook"),
    pseudo_labels=dict(type="PseudoLabelHook", num_clusters=50),
)
