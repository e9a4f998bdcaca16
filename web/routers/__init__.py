"""Routes: each declares its permission, takes typed input, calls one service and maps the outcome."""
