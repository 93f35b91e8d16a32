"""One suite over HTTP for every edge: daphne, uvicorn, and the Django views under WSGI."""
