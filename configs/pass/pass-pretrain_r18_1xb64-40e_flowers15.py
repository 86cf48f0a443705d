_base_ = "pass-pretrain_r18_1xb64-40e_mini-imagenets.py"
train_dataloader = dict(dataset=dict(data_root="data/Flowers15"))
