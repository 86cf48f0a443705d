# Free protocol: starts from ImageNet-supervised weights and trains their last stage gently.
_base_ = ["../_base_/models/barlowtwins_r18.py", "../_base_/self-supervised_efficientnet-lite0_flowers15.py"]
model = dict(
    _base_.warm_model,
    neck=dict(in_channels=320, hid_channels=1024, out_channels=1024),
    head=dict(in_channels=1024),
)
