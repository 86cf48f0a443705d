# Free protocol: class activation maps of the classifier. As it is, it finds the threshold on validation images, whose
# classes the classifier tells; tools/misc/class_activation_labels.py does that, then labels the training images.
_base_ = [
    "../_base_/models/cam_r18.py",
    "../_base_/datasets/imagenets.py",
    "../_base_/default_runtime.py",
]
val_dataloader = test_dataloader = dict(dataset=dict(data_root="data/ImageNetS50", subset=50))
val_evaluator = test_evaluator = dict(matching="identity", thresholds=[i / 100 for i in range(81)])
