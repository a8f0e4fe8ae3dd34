"""Sightline: from folders of labelled images to a classifier you can trust."""
