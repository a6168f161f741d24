"""The kinds of stage, one file each; ``inkport.compress.stage.KINDS`` lists them."""
