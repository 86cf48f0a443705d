_base_ = [
    "../_base_/models/pass-finetune_r50.py",
    "../_base_/datasets/image_folder_pixel_labels.py",
    "../_base_/datasets/image_folder.py",
    "../_base_/schedules/larc.py",
    "../_base_/default_runtime.py",
]
model = dict(
    backbone=dict(
        depth=18,
        init_cfg=dict(
            type="Pretrained",
            checkpoint="work_dirs/pass-pretrain_r18_1xb64-40e_mini-imagenets/epoch_40.pth",
            prefix="backbone.",
        ),
    ),
    decode_head=dict(num_classes=10),
)
label_root = "work_dirs/pass-pixel-attention_r18_1xb32-10e_mini-imagenets/pixel_labels"
train_dataloader = dict(dataset=dict(data_root="data/mini_imagenets", label_root=label_root))
# Training crops of 192 enlarge what they show by about a third, so whole images are enlarged as much.
test_pipeline = [_base_.load_image, dict(_base_.resize, scale=256), _base_.load_labels, _base_.pack]
tta_resizes = [dict(_base_.resize, scale=192), dict(_base_.resize, scale=256), dict(_base_.resize, scale=320)]
tta_pipeline = [
    _base_.load_image,
    dict(type="TestTimeAug", transforms=[tta_resizes, _base_.flips, [_base_.load_labels], [_base_.pack_flips]]),
]
val_dataloader = test_dataloader = dict(dataset=dict(data_root="data/mini_imagenets", pipeline=test_pipeline))
optim_wrapper = dict(optimizer=dict(lr=6.0))
train_cfg = dict(max_epochs=10, val_interval=10)
