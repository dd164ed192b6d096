"""Pictures of the pages for docs/img, made from phantoms: `make screenshots`."""
