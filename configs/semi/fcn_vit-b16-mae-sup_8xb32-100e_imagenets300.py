_base_ = "fcn_vit-b16-mae-sup_8xb32-100e_imagenets919.py"
model = dict(decode_head=dict(num_classes=301))
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root="data/ImageNetS300", subset=300))
