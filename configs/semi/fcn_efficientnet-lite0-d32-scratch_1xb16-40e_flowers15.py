# Control: the same recipe from random weights.
_base_ = "fcn_efficientnet-lite0-d32_1xb16-40e_flowers15.py"
model = dict(backbone=dict(init_cfg=None))
