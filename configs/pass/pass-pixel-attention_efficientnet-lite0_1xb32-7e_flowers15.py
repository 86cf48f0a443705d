_base_ = [
    "../_base_/models/pass-pixel-attention_efficientnet-lite0.py",
    "../_base_/datasets/image_folder_multi_crop.py",
    "../_base_/datasets/image_folder.py",
    "../_base_/schedules/adam.py",
    "../_base_/default_runtime.py",
]
model = dict(
    embedding_dim=64,
    pretrained="work_dirs/pass-pretrain_efficientnet-lite0_1xb64-10e_flowers15/epoch_10.pth",
)
train_dataloader = dict(dataset=dict(data_root="data/Flowers15"))
resize = dict(_base_.resize, scale=192)
test_pipeline = [_base_.load_image, resize, _base_.load_labels, _base_.pack]
tta_resizes = [dict(resize, scale=144), resize, dict(resize, scale=240)]
tta_passes = [tta_resizes, _base_.flips, [_base_.load_labels], [_base_.pack_flips]]
tta_pipeline = [_base_.load_image, dict(type="TestTimeAug", transforms=tta_passes)]
test_dataloader = dict(dataset=dict(data_root="data/Flowers15", pipeline=test_pipeline))
# Pixels can be scored only once there are centroids, so there is no validation while training.
val_dataloader = None
val_evaluator = None
val_cfg = None
optim_wrapper = dict(optimizer=dict(lr=1e-2))
train_cfg = dict(max_epochs=7)
default_hooks = dict(
    prototypes=dict(type="PrototypeHook"),
    collapse_warning=dict(type="CollapseWarningHook", interval=15),
    pseudo_labels=dict(type="PseudoLabelHook", num_clusters=15, threshold_step=0.002, crop_size=192),
)
