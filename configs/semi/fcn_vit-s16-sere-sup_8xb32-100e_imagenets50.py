_base_ = "fcn_vit-s16-sere-sup_8xb32-100e_imagenets919.py"
model = dict(decode_head=dict(num_classes=51))
train_dataloader = val_dataloader = test_dataloader = dict(dataset=dict(data_root="data/ImageNetS50", subset=50))
