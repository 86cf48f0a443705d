# Free protocol: step 3 on the labels of class activation maps, from the classifier.
_base_ = "../pass/pass-finetune_efficientnet-lite0_1xb32-6e_flowers15.py"
model = dict(
    backbone=dict(init_cfg=dict(checkpoint="work_dirs/classifier_efficientnet-lite0_1xb32-2e_flowers15/epoch_2.pth"))
)
train_dataloader = dict(dataset=dict(label_root="work_dirs/cam_efficientnet-lite0_flowers15/pixel_labels"))
val_evaluator = test_evaluator = dict(matching="identity")
train_cfg = dict(max_epochs=3, val_interval=3)
