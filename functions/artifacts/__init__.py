"""The cloud plane: container repositories, images, versions and signatures."""
