# Free protocol: step 3 on the labels of class activation maps, from the classifier.
_base_ = "../pass/pass-finetune_r18_8xb32-20e_imagenets50.py"
model = dict(backbone=dict(init_cfg=dict(checkpoint="work_dirs/classifier_r18_8xb32-100e_imagenets50/epoch_100.pth")))
train_dataloader = dict(dataset=dict(label_root="work_dirs/cam_r18_imagenets50/pixel_labels"))
val_evaluator = test_evaluator = dict(matching="identity")
