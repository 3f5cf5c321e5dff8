"""From definitions to what is to be done: nothing here changes anything of the machine."""
