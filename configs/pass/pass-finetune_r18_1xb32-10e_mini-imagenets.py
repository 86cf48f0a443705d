_base_ = [
    "../_base_/models/pass_segmentor_r50.py",
    "../_base_/datasets/image_folder_pixel_labels.py",
    "../_base_/datasets/image_folder.py",
    "../_base_/schedules/larc_20e.py",
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
train_dataloader = dict(
    dataset=dict(
        data_root="data/mini_imagenets",
        label_root="work_dirs/pass-pixel-attention_r18_1xb32-10e_mini-imagenets/pixel_labels",
    )
)
# Training crops of 192 enlarge what they show by about a third, so whole images are enlarged as much.
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(scale=256)
val_dataloader = dict(dataset=dict(data_root="data/mini_imagenets", pipeline=test_pipeline))
test_dataloader = val_dataloader
optim_wrapper = dict(optimizer=dict(lr=6.0))
param_scheduler = [dict(type="CosineAnnealingLR", eta_min=0.0006, by_epoch=True, end=10, convert_to_iter_based=True)]
train_cfg = dict(max_epochs=10, val_interval=10)
