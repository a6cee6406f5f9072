"""Jobs in a process of their own: started, followed and cancelled; what happens, as events; a folder for each."""
