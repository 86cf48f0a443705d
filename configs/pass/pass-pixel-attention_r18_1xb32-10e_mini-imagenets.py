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
train_dataloader = dict(dataset=dict(data_root="data/mini_imagenets"))
resize = dict(_base_.resize, scale=192)
test_pipeline = [_base_.load_image, resize, _base_.load_labels, _base_.pack]
tta_resizes = [dict(resize, scale=144), resize, dict(resize, scale=240)]
tta_passes = [tta_resizes, _base_.flips, [_base_.load_labels], [_base_.pack_flips]]
tta_pipeline = [_base_.load_image, dict(type="TestTimeAug", transforms=tta_passes)]
test_dataloader = dict(dataset=dict(data_root="data/mini_imagenets", pipeline=test_pipeline))
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
