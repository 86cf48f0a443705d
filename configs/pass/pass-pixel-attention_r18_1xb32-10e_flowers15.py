_base_ = "pass-pixel-attention_r18_1xb32-10e_mini-imagenets.py"
model = dict(pretrained="work_dirs/pass-pretrain_r18_1xb64-40e_flowers15/epoch_40.pth")
train_dataloader = dict(dataset=dict(data_root="data/Flowers15"))
test_dataloader = dict(dataset=dict(data_root="data/Flowers15"))
custom_hooks = [
    dict(type="EpochSeedHook"),
    dict(type="PrototypeHook", freeze_iters=0, queue_start_epoch=0),
    dict(type="CollapseWarningHook"),
    dict(type="PseudoLabelHook", num_categories=15, threshold="val", threshold_step=0.002, crop_size=192),
]
