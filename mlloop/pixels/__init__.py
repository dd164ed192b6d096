"""Read and write radiographs and masks, and measure them. No torch."""
