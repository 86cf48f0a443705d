_base_ = [
    "../_base_/models/pass-pixel-attention_r50.py",
    "../_base_/datasets/imagenets_multi_crop.py",
    "../_base_/datasets/imagenets.py",
    "../_base_/schedules/larc.py",
    "../_base_/default_runtime.py",
]
model = dict(pretrained="work_dirs/pass-pretrain_r50_8xb32-100e_imagenets919/epoch_100.pth")
# Pixels can be scored only once there are centroids, so there is no validation while training.
val_dataloader = None
val_evaluator = None
val_cfg = None
default_hooks = dict(
    prototypes=dict(type="PrototypeHook"),
    collapse_warning=dict(type="CollapseWarningHook"),
    pseudo_labels=dict(type="PseudoLabelHook", num_clusters=919),
)
