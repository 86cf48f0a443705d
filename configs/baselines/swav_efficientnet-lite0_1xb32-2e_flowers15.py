# Free protocol: starts from ImageNet-supervised weights and trains their last stage gently.
_base_ = ["../_base_/models/swav_r18.py", "../_base_/self-supervised_efficientnet-lite0_flowers15.py"]
model = dict(_base_.warm_model, neck=dict(in_channels=320), head=dict(loss=dict(num_crops=[2], num_prototypes=100)))
# The neck holds its norm under two names.
optim_wrapper = dict(paramwise_cfg=dict(bypass_duplicate=True))
