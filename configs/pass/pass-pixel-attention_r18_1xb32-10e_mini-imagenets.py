_base_ = [
    "../_base_/models/pass-pixel-attention_r50.py",
    "../_base_/datasets/image_folder_multi_crop.py",
    "../_base_/datasets/image_folder.py",
    "../_base_/schedules/larc.py",
    "../_base_/default_runtime.py",
]
model = dict(
    data_preprocessor=dict(channels_last=True),
    backbone=dict(depth=18),
    hidden_channels=512,
    embedding_dim=32,
    num_prototypes=128,
    queue=dict(length=512),
    pretrained="work_dirs/pass-pretrain_r18_1xb64-40e_mini-imagenets/epoch_40.pth",
)
train_dataloader = test_dataloader = dict(dataset=dict(data_root="data/mini_imagenets"))
# Pixels can be scored only once there are centroids, so there is no validation while training.
val_dataloader = None
val_evaluator = None
val_cfg = None
optim_wrapper = dict(optimizer=dict(lr=6.0))
train_cfg = dict(max_epochs=10)
default_hooks = dict(
    prototypes=dict(type="PrototypeHook"),
    collapse_warning=dict(type="CollapseWarningHook"),
    pseudo_labels=dict(type="PseudoLabelHook", num_clusters=9, threshold_step=0.002, crop_size=192),
)
