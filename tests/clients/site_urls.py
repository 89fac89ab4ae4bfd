"""Views that count: in the session, and under a rate limit."""

from django.http import HttpResponse
from django.urls import path
from django_ratelimit.decorators import ratelimit


def visit(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse(str(request.session["visits"]))


def leave(request):
    request.session.flush()
    return HttpResponse("bye")


@ratelimit(group="limited", key="ip", rate="100/d", block=False)
def limited(request):
    return HttpResponse(status=429 if request.limited else 200)


urlpatterns = [path("visit", visit), path("leave", leave), path("limited", limited)]
