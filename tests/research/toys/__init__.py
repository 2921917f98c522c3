"""A member of each family, which `test_toy_members` copies to a folder of its own as FAMILY/toy.py."""
