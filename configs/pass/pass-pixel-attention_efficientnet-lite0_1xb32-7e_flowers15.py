_base_ = [
    "../_base_/models/pass_pixel-attention_efficientnet-lite0.py",
    "../_base_/datasets/image_folder_multi_crop.py",
    "../_base_/datasets/image_folder.py",
    "../_base_/schedules/adam_short.py",
    "../_base_/default_runtime.py",
]
model = dict(
    pretrained="work_dirs/pass-pretrain_efficientnet-lite0_1xb64-10e_flowers15/epoch_10.pth",
    embedding_dim=64,
)
train_dataloader = dict(dataset=dict(data_root="data/Flowers15"))
test_dataloader = dict(dataset=dict(data_root="data/Flowers15"))
# Pixels can be scored only once there are centroids, so there is no validation while training.
val_dataloader = None
val_evaluator = None
val_cfg = None
optim_wrapper = dict(optimizer=dict(lr=1e-2))
param_scheduler = [dict(type="CosineAnnealingLR", eta_min=0, by_epoch=True, end=7, convert_to_iter_based=True)]
train_cfg = dict(max_epochs=7)
custom_hooks = [
    dict(type="EpochSeedHook"),
    dict(type="PrototypeHook", freeze_iters=0, queue_start_epoch=0),
    dict(type="CollapseWarningHook", interval=15),
    dict(type="PseudoLabelHook", num_categories=15, threshold="val", threshold_step=0.002, crop_size=192),
]
