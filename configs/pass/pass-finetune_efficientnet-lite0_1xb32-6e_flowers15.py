_base_ = [
    "../_base_/models/pass-finetune_efficientnet-lite0.py",
    "../_base_/datasets/image_folder_pixel_labels.py",
    "../_base_/datasets/image_folder.py",
    "../_base_/schedules/adam.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(
        init_cfg=dict(
            type="Pretrained",
            checkpoint="work_dirs/pass-pretrain_efficientnet-lite0_1xb64-10e_flowers15/epoch_10.pth",
            prefix="backbone.",
        ),
    ),
    decode_head=dict(num_classes=16),
)
label_root = "work_dirs/pass-pixel-attention_efficientnet-lite0_1xb32-7e_flowers15/pixel_labels"
train_dataloader = dict(dataset=dict(data_root="data/Flowers15", label_root=label_root))
# Training crops of 192 enlarge what they show by about a third, so whole images are enlarged as much.
test_pipeline = [_base_.load_image, dict(_base_.resize, scale=256), _base_.load_labels, _base_.pack]
tta_resizes = [dict(_base_.resize, scale=192), dict(_base_.resize, scale=256), dict(_base_.resize, scale=320)]
tta_pipeline = [
    _base_.load_image,
    dict(type="TestTimeAug", transforms=[tta_resizes, _base_.flips, [_base_.load_labels], [_base_.pack_flips]]),
]
val_dataloader = test_dataloader = dict(dataset=dict(data_root="data/Flowers15", pipeline=test_pipeline))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))
train_cfg = dict(max_epochs=6, val_interval=6)
